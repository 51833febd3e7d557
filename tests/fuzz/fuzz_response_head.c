/* Bytes of an upstream: a response, to GET and to HEAD. */
#include "tests/fuzz/fuzz.h"
#include "tests/support/http_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t cut = fuzz_number_of(data, size);

    (void)http_oracle((const char *)data, size, ORACLE_RESPONSE, cut);
    (void)http_oracle((const char *)data, size, ORACLE_RESPONSE | ORACLE_HEAD_REQUEST, cut);
    return 0;
}
