#include "proxy/config/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

struct unit {
    struct tn_str name;
    uint64_t factor;
};

/* Largest first: what writing tries first. */
static const struct unit duration_units[] = {
    {{"d", 1}, 86400000}, {{"h", 1}, 3600000}, {{"m", 1}, 60000}, {{"s", 1}, 1000}, {{"ms", 2}, 1},
};

static const struct unit size_units[] = {
    {{"GiB", 3}, 1u << 30},
    {{"MiB", 3}, 1u << 20},
    {{"KiB", 3}, 1u << 10},
    {{"", 0}, 1},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static int parse(struct tn_str text, const struct unit *units, size_t count, uint64_t max,
                 uint64_t *ret_value)
{
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9') {
        digits++;
    }
    struct tn_str name = {text.ptr + digits, text.len - digits};
    for (size_t i = 0; i < count; i++) {
        if (!tn_str_equal(name, units[i].name)) {
            continue;
        }
        unsigned long long number;
        int r = tn_str_parse_u64((struct tn_str){text.ptr, digits}, max / units[i].factor, &number);
        if (r == 0) {
            *ret_value = number * units[i].factor;
        }
        return r;
    }
    return -EINVAL;
}

int px_units_parse_duration(struct tn_str text, uint64_t *ret_ms)
{
    return parse(text, duration_units, COUNT_OF(duration_units), PX_UNITS_DURATION_MAX_MS, ret_ms);
}

int px_units_parse_size(struct tn_str text, uint64_t *ret_bytes)
{
    return parse(text, size_units, COUNT_OF(size_units), PX_UNITS_SIZE_MAX, ret_bytes);
}

int px_units_parse_percent(struct tn_str text, uint32_t *ret_ppm)
{
    if (text.len > 0 && text.ptr[text.len - 1] == '%') {
        text = tn_str_trim((struct tn_str){text.ptr, text.len - 1});
    }
    const char *point = text.len > 0 ? memchr(text.ptr, '.', text.len) : NULL;
    size_t whole_len = point ? (size_t)(point - text.ptr) : text.len;
    unsigned long long whole;
    unsigned long long rest = 0;
    int r = tn_str_parse_u64((struct tn_str){text.ptr, whole_len}, 100, &whole);
    if (r < 0) {
        return r;
    }
    if (point) {
        size_t len = text.len - whole_len - 1;
        if (len > 4) {
            return -EINVAL;
        }
        r = tn_str_parse_u64((struct tn_str){point + 1, len}, 9999, &rest);
        if (r < 0) {
            return r;
        }
        for (; len < 4; len++) {
            rest *= 10;
        }
    }
    if (whole * 10000 + rest > PX_UNITS_PPM_MAX) {
        return -ERANGE;
    }
    *ret_ppm = (uint32_t)(whole * 10000 + rest);
    return 0;
}

static char *write_text(uint64_t value, const struct unit *units, size_t count, const char *zero,
                        char *buffer)
{
    if (value == 0) {
        (void)snprintf(buffer, PX_UNITS_TEXT_SIZE, "%s", zero);
        return buffer;
    }
    size_t i = 0;
    while (i + 1 < count && value % units[i].factor != 0) {
        i++;
    }
    (void)snprintf(buffer, PX_UNITS_TEXT_SIZE, "%" PRIu64 "%s", value / units[i].factor,
                   units[i].name.ptr);
    return buffer;
}

char *px_units_write_duration(uint64_t ms, char *buffer)
{
    return write_text(ms, duration_units, COUNT_OF(duration_units), "0s", buffer);
}

char *px_units_write_size(uint64_t bytes, char *buffer)
{
    return write_text(bytes, size_units, COUNT_OF(size_units), "0", buffer);
}

char *px_units_write_percent(uint32_t ppm, char *buffer)
{
    uint32_t rest = ppm % 10000;
    int len = snprintf(buffer, PX_UNITS_TEXT_SIZE, "%" PRIu32 ".%04" PRIu32, ppm / 10000, rest);
    while (buffer[len - 1] == '0') {
        len--;
    }
    if (buffer[len - 1] == '.') {
        len--;
    }
    (void)snprintf(buffer + len, PX_UNITS_TEXT_SIZE - (size_t)len, "%%");
    return buffer;
}
