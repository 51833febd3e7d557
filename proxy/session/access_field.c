#include "proxy/session/access_log.h"

struct tn_str px_access_field(struct tn_str head, struct tn_str name)
{
    const char *at = head.ptr;
    const char *end = head.ptr + head.len;

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t len = stop ? (size_t)(stop - at) : (size_t)(end - at);
        struct tn_str line = {at, len > 0 && at[len - 1] == '\r' ? len - 1 : len};

        if (line.len > name.len && line.ptr[name.len] == ':' &&
            tn_str_equal_nocase((struct tn_str){line.ptr, name.len}, name))
            return tn_str_trim((struct tn_str){at + name.len + 1, line.len - name.len - 1});
        if (!stop)
            break;
        at = stop + 1;
    }
    return TN_STR("");
}
