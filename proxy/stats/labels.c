#include "proxy/stats/stats.h"

#include <assert.h>

/* Codes that a proxy or a usual service gives; all others go to their class. */
#define CODE_MAP(X)                                                                                \
    X(101)                                                                                         \
    X(200)                                                                                         \
    X(201)                                                                                         \
    X(202)                                                                                         \
    X(204)                                                                                         \
    X(206)                                                                                         \
    X(301)                                                                                         \
    X(302)                                                                                         \
    X(303)                                                                                         \
    X(304)                                                                                         \
    X(307)                                                                                         \
    X(308)                                                                                         \
    X(400)                                                                                         \
    X(401)                                                                                         \
    X(403)                                                                                         \
    X(404)                                                                                         \
    X(405)                                                                                         \
    X(408)                                                                                         \
    X(409)                                                                                         \
    X(410)                                                                                         \
    X(412)                                                                                         \
    X(413)                                                                                         \
    X(414)                                                                                         \
    X(416)                                                                                         \
    X(417)                                                                                         \
    X(422)                                                                                         \
    X(429)                                                                                         \
    X(431)                                                                                         \
    X(500)                                                                                         \
    X(501)                                                                                         \
    X(502)                                                                                         \
    X(503)                                                                                         \
    X(504)                                                                                         \
    X(505)

#define STATUS_MAX 600

enum {
#define CODE_ENUM(code) CODE_##code,
    CODE_MAP(CODE_ENUM)
#undef CODE_ENUM
        CLASS_OTHER, /* no status at all, or none of RFC 9110 */
    CLASS_1XX,
    CLASS_2XX,
    CLASS_3XX,
    CLASS_4XX,
    CLASS_5XX,
    CODE_COUNT
};

_Static_assert(CODE_COUNT == PX_STATS_CODES, "stats.h says how many code counters there are");

/* Place of a code plus one; 0: it has none of its own. */
static const uint8_t code_places[STATUS_MAX] = {
#define CODE_PLACE(code) [code] = CODE_##code + 1,
    CODE_MAP(CODE_PLACE)
#undef CODE_PLACE
};

static const char *const code_labels[PX_STATS_CODES] = {
#define CODE_LABEL(code) [CODE_##code] = #code,
    CODE_MAP(CODE_LABEL)
#undef CODE_LABEL
        /* clang-format off */
    [CLASS_OTHER] = "other", [CLASS_1XX] = "1xx", [CLASS_2XX] = "2xx",
    [CLASS_3XX] = "3xx", [CLASS_4XX] = "4xx", [CLASS_5XX] = "5xx",
    /* clang-format on */
};

uint32_t px_stats_code_index(unsigned status)
{
    if (status < 100 || status >= STATUS_MAX)
        return CLASS_OTHER;
    if (code_places[status])
        return code_places[status] - 1u;
    return CLASS_OTHER + status / 100;
}

const char *px_stats_code_label(uint32_t index)
{
    return index < PX_STATS_CODES ? code_labels[index] : NULL;
}

#define LABEL_OF(name, label) label,

const char *px_mirror_pass_label(enum px_mirror_pass reason)
{
    static const char *const labels[] = {PX_MIRROR_PASS_MAP(LABEL_OF)};

    assert(reason < PX_MIRROR_PASS_COUNT);
    return labels[reason];
}

const char *px_mirror_drop_label(enum px_mirror_drop reason)
{
    static const char *const labels[] = {PX_MIRROR_DROP_MAP(LABEL_OF)};

    assert(reason < PX_MIRROR_DROP_COUNT);
    return labels[reason];
}

const char *px_mirror_fail_label(enum px_mirror_fail reason)
{
    static const char *const labels[] = {PX_MIRROR_FAIL_MAP(LABEL_OF)};

    assert(reason < PX_MIRROR_FAIL_COUNT);
    return labels[reason];
}

const char *px_retry_label(enum px_retry reason)
{
    static const char *const labels[] = {PX_RETRY_MAP(LABEL_OF)};

    assert(reason < PX_RETRY_COUNT);
    return labels[reason];
}
