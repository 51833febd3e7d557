/* Bytes of a body behind heads that are fine: chunked in either direction, chunked under limits
 * that are soon reached, until close, counted. */
#include "tests/fuzz/fuzz.h"
#include "tests/support/http_oracle.h"

#include <string.h>

#define BODY_MAX 100000
#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

static void run(const char *head, const uint8_t *data, size_t size, unsigned flags)
{
    static char bytes[BODY_MAX + 256];
    size_t head_len = strlen(head);

    memcpy(bytes, head, head_len);
    if (size > 0)
        memcpy(bytes + head_len, data, size);
    (void)http_oracle(bytes, head_len + size, flags,
                      head_len + fuzz_number_of(data, size) % (size + 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > BODY_MAX)
        return 0;
    run(CHUNKED, data, size, 0);
    run(CHUNKED, data, size, ORACLE_TIGHT);
    run("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", data, size, ORACLE_RESPONSE);
    run("HTTP/1.1 200 OK\r\n\r\n", data, size, ORACLE_RESPONSE);
    run("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n", data, size, 0);
    return 0;
}
