#include "app/counter.h"

#include <errno.h>

void app_counter_encode(uint64_t value, unsigned char bytes[APP_COUNTER_SIZE])
{
    for (size_t i = 0; i < APP_COUNTER_SIZE; i++) {
        bytes[i] = (unsigned char)(value >> (8 * i));
    }
}

int app_counter_decode(const unsigned char *bytes, size_t len, uint64_t *ret_value)
{
    if (len == 0 || len > APP_COUNTER_SIZE) {
        return -EINVAL;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    *ret_value = value;
    return 0;
}

int app_counter_add(uint64_t value, uint64_t amount, uint64_t *ret_sum)
{
    if (amount > UINT64_MAX - value) {
        return -EOVERFLOW;
    }
    *ret_sum = value + amount;
    return 0;
}
