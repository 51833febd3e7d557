/* Bytes of a client: a request, and what comes after it. */
#include "tests/fuzz/fuzz.h"
#include "tests/support/http_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)http_oracle((const char *)data, size, 0, fuzz_number_of(data, size));
    return 0;
}
