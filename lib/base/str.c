#include "lib/base/str.h"

#include <errno.h>
#include <stdlib.h>

static unsigned char lower(char c)
{
    unsigned char u = (unsigned char)c;

    return u >= 'A' && u <= 'Z' ? (unsigned char)(u | 0x20) : u;
}

bool tn_str_equal_nocase(struct tn_str a, struct tn_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    }
    return true;
}

bool tn_str_has_prefix(struct tn_str s, struct tn_str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

struct tn_str tn_str_trim(struct tn_str s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

int tn_str_parse_u64(struct tn_str s, unsigned long long max, unsigned long long *ret_value)
{
    unsigned long long value = 0;
    bool is_too_much = false;

    if (s.len == 0)
        return -EINVAL;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(s.ptr[i] - '0');

        if (digit > 9)
            return -EINVAL;
        is_too_much = is_too_much || digit > max || value > (max - digit) / 10;
        value = value * 10 + digit;
    }
    if (is_too_much)
        return -ERANGE;
    *ret_value = value;
    return 0;
}

char *tn_str_dup(struct tn_str s)
{
    char *copy = malloc(s.len + 1);

    if (!copy)
        return NULL;
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}
