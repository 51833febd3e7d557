#include "lib/base/suggest.h"

#include "proxy/config/parse.h"

/* 'ip' of 'client_ip': the only word with such a part. */
static const char *find_part(struct tn_str found, const char *const *words, size_t count)
{
    const char *only = NULL;
    for (size_t i = 0; i < count; i++) {
        const char *at = found.len > 1 ? strstr(words[i], "_") : NULL;
        struct tn_str last = tn_str_of(at ? at + 1 : NULL);
        struct tn_str first = {words[i], at ? (size_t)(at - words[i]) : 0};
        if (tn_str_equal_nocase(found, first) || tn_str_equal_nocase(found, last)) {
            if (only) {
                return NULL;
            }
            only = words[i];
        }
    }
    return only;
}

const char *px_suggest(struct tn_str found, const char *const *words, size_t count)
{
    struct tn_suggestion nearest = {0};
    for (size_t i = 0; i < count; i++) {
        tn_suggest(&nearest, found, words[i]);
    }
    return nearest.word || found.len == 0 ? nearest.word : find_part(found, words, count);
}
