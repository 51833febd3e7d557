#include "proxy/session/failure.h"

#include <assert.h>

struct row {
    unsigned status;
    const char *word;
    const char *text;
};

static const struct row rows[PX_FAILURE_COUNT] = {
#define PX_FAILURE_ROW(name, status, word, text) {(status), (word), (text)},
    PX_FAILURE_MAP(PX_FAILURE_ROW)
#undef PX_FAILURE_ROW
};

unsigned px_failure_status(enum px_failure failure)
{
    assert(failure < PX_FAILURE_COUNT);
    return rows[failure].status;
}

const char *px_failure_word(enum px_failure failure)
{
    assert(failure < PX_FAILURE_COUNT);
    return rows[failure].word;
}

const char *px_failure_text(enum px_failure failure)
{
    assert(failure < PX_FAILURE_COUNT);
    return rows[failure].text;
}

bool px_failure_is_upstreams(enum px_failure failure)
{
    switch (failure) {
    case PX_FAILURE_NO_VERSION:
    case PX_FAILURE_OVERLOADED:
    case PX_FAILURE_QUEUE_TIMEOUT:
    case PX_FAILURE_CONNECT:
    case PX_FAILURE_CONNECT_TIMEOUT:
    case PX_FAILURE_UPSTREAM_RESET:
    case PX_FAILURE_UPSTREAM_PROTOCOL:
    case PX_FAILURE_FIRST_BYTE_TIMEOUT:
    case PX_FAILURE_TOTAL_TIMEOUT:
        return true;
    default:
        return false;
    }
}
