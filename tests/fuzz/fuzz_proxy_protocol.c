/* A header is never longer than its bytes, and never found in fewer bytes than it takes. */
#include "lib/http/proxy_protocol.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tn_str bytes = {(const char *)data, size};
    struct tn_proxy_header header, again;

    if (tn_proxy_header_parse(bytes, &header) != 0)
        return 0;
    if (header.len > size || header.len > TN_PROXY_HEADER_MAX)
        abort();
    bytes.len = header.len - 1;
    if (tn_proxy_header_parse(bytes, &again) != -EAGAIN)
        abort();
    return 0;
}
