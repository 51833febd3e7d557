/* The first byte says how to forward (ORACLE_… of http_oracle.h), the rest is a message. */
#include "tests/fuzz/fuzz.h"
#include "tests/support/http_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0)
        (void)http_oracle((const char *)data + 1, size - 1, data[0], fuzz_number_of(data, size));
    return 0;
}
