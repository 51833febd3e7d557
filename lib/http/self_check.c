#include "lib/http/parser.h"

#include <errno.h>

#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

/* Each is taken by llhttp with one lenient flag set, named behind it, and must not be without. */
static const struct {
    llhttp_type_t type;
    const char *message;
} probes[] = {
    {HTTP_REQUEST, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"}, /* headers */
    {HTTP_REQUEST, POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "1\r\nx\r\n0\r\n\r\n"}, /* chunked_length */
    {HTTP_REQUEST, POST "Connection: close\r\nContent-Length: 1\r\n\r\nx" GET
                        "\r\n"}, /* keep_alive, data_after_close */
    {HTTP_REQUEST,
     POST "Transfer-Encoding: chunked, x\r\n\r\n1\r\nx\r\n0\r\n\r\n"}, /* transfer_encoding */
    {HTTP_REQUEST, "GET / HTTP/1.9\r\nHost: a\r\n\r\n"},               /* version */
    {HTTP_REQUEST, "GET / HTTP/1.1\rHost: a\r\n\r\n"},                 /* optional_lf_after_cr */
    {HTTP_REQUEST, "GET / HTTP/1.1\r\nHost: a\n\r\n"},                 /* optional_cr_before_lf */
    {HTTP_REQUEST, CHUNKED "1\r\nx0\r\n\r\n"},      /* optional_crlf_after_chunk */
    {HTTP_REQUEST, CHUNKED "1 \r\nx\r\n0\r\n\r\n"}, /* spaces_after_chunk_size */
    {HTTP_REQUEST, GET "X: a\002b\r\n\r\n"},        /* header_value_relaxed, headers */
    {HTTP_RESPONSE, "HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n"}, /* headers */
};

/* A bare llhttp, so that no rule of ours refuses in its place. */
static bool is_refused(llhttp_type_t type, const char *message)
{
    static const llhttp_settings_t no_callbacks;
    llhttp_t llhttp;

    llhttp_init(&llhttp, type, &no_callbacks);
    return llhttp_execute(&llhttp, message, strlen(message)) != HPE_OK;
}

static bool is_lenient(bool response)
{
    struct tn_http_parser parser;
    struct tn_http_head head;

    tn_http_parser_init(&parser, response, &tn_http_limits_default);
    tn_http_parser_start(&parser, &head, false);
    return parser.llhttp.lenient_flags != 0;
}

int tn_http_parser_self_check(void)
{
    if (is_lenient(false) || is_lenient(true))
        return -ENOTSUP;
    for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
        if (!is_refused(probes[i].type, probes[i].message))
            return -ENOTSUP;
    }
    return 0;
}
