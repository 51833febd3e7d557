#include "lib/http/parser.h"

#include <errno.h>

/* Each is taken by llhttp with one lenient flag set, the flag's name behind it; `message` is
 * refused without. */
struct probe {
    bool response;
    const char *message;
};

static const struct probe probes[] = {
    {false, "GET / HTTP/1.1\r\nHost: a\r\nX: a\001b\r\n\r\n"}, /* headers */
    {false, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},             /* headers */
    {false, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
            "1\r\nx\r\n0\r\n\r\n"}, /* chunked_length */
    {false, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, x\r\n\r\n"
            "1\r\nx\r\n0\r\n\r\n"},                     /* transfer_encoding */
    {false, "GET / HTTP/1.9\r\nHost: a\r\n\r\n"},       /* version */
    {false, "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"}, /* optional_lf_after_cr */
    {false, "GET / HTTP/1.1\nHost: a\n\n"},             /* optional_cr_before_lf */
    {false, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            "1\r\nx0\r\n\r\n"}, /* optional_crlf_after_chunk */
    {false, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            "1 \r\nx\r\n0\r\n\r\n"},                           /* spaces_after_chunk_size */
    {false, "GET / HTTP/1.1\r\nHost: a\r\nX: a\002b\r\n\r\n"}, /* header_value_relaxed */
    {true, "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n"}, /* headers */
};

static bool is_refused(const struct probe *probe)
{
    struct tn_http_parser parser;
    struct tn_http_head head;
    struct tn_http_step step;
    enum tn_http_error error;
    size_t len = strlen(probe->message), at = 0;

    tn_http_parser_init(&parser, probe->response, &tn_http_limits_default);
    tn_http_parser_start(&parser, &head, false);
    if (parser.llhttp.lenient_flags != 0)
        return false;
    do {
        error = tn_http_parser_step(&parser, probe->message + at, len - at, &step);
        at += step.used;
    } while (!error && step.events && !(step.events & TN_HTTP_STEP_END));
    return error != TN_HTTP_OK;
}

int tn_http_parser_self_check(void)
{
    for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
        if (!is_refused(&probes[i]))
            return -ENOTSUP;
    }
    return 0;
}
