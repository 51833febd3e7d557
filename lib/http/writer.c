#include "lib/http/writer.h"

#include "lib/http/output.h"

size_t tn_http_chunk_head(size_t len, char *buffer)
{
    static const char digits[] = "0123456789abcdef";
    unsigned count = 1;

    for (size_t rest = len >> 4; rest > 0; rest >>= 4)
        count++;
    for (unsigned i = 0; i < count; i++)
        buffer[i] = digits[(len >> (4 * (count - 1 - i))) & 15];
    buffer[count] = '\r';
    buffer[count + 1] = '\n';
    return count + 2u;
}

/* 1xx and 204 have neither body nor length, 304 has no body (RFC 9110 8.6, 15.4.5). */
static bool has_length(unsigned status)
{
    return status >= 200 && status != 204 && status != 304;
}

int tn_http_write_answer(const struct tn_http_answer *answer, char *buffer, size_t size)
{
    struct tn_http_output out = tn_http_output_of(buffer, size);
    bool with_body = has_length(answer->status);

    TN_HTTP_PUT(&out, "HTTP/1.1 ");
    tn_http_put_number(&out, answer->status);
    TN_HTTP_PUT(&out, " ");
    tn_http_put_str(&out, tn_str_of(tn_http_reason(answer->status)));
    TN_HTTP_PUT(&out, "\r\n");
    if (answer->date.len > 0)
        tn_http_put_line(&out, TN_STR("Date: "), answer->date);
    if (with_body && answer->content_type.len > 0)
        tn_http_put_line(&out, TN_STR("Content-Type: "), answer->content_type);
    if (with_body)
        tn_http_put_number_line(&out, TN_STR("Content-Length: "), answer->body.len);
    if (answer->retry_after_s > 0)
        tn_http_put_number_line(&out, TN_STR("Retry-After: "), answer->retry_after_s);
    tn_http_put_str(&out, answer->extra_fields);
    if (answer->status >= 200 && !answer->keep_alive)
        TN_HTTP_PUT(&out, "Connection: close\r\n");
    else if (answer->status >= 200 && answer->version_minor == 0)
        TN_HTTP_PUT(&out, "Connection: keep-alive\r\n");
    TN_HTTP_PUT(&out, "\r\n");
    if (with_body && !answer->head_request)
        tn_http_put_str(&out, answer->body);
    return tn_http_output_end(&out);
}

int tn_http_write_error(unsigned status, const char *why, const struct tn_http_answer *base,
                        char *buffer, size_t size)
{
    char text[256];
    struct tn_http_output body = tn_http_output_of(text, sizeof(text));
    struct tn_http_answer answer = *base;
    int len;

    tn_http_put_number(&body, status);
    TN_HTTP_PUT(&body, " ");
    tn_http_put_str(&body, tn_str_of(tn_http_reason(status)));
    if (why) {
        TN_HTTP_PUT(&body, ": ");
        tn_http_put_str(&body, tn_str_of(why));
    }
    TN_HTTP_PUT(&body, "\n");
    len = tn_http_output_end(&body);
    if (len < 0)
        return len; /* why is a sentence of ours, never of this length */
    answer.status = status;
    answer.content_type = TN_STR("text/plain; charset=utf-8");
    answer.body = (struct tn_str){text, (size_t)len};
    return tn_http_write_answer(&answer, buffer, size);
}
