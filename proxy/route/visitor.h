/*
 * visitor: who asks, as far as the rule's `sticky` wants to know, and the cookie they are given.
 *
 * Not for weighing versions (strategies/traffic).
 * Shapes: with a key (cookie, header, address), as a newcomer who will be given an id, or neither.
 * Errors: a cookie that is not valid counts as none; one that cannot be made is not set, and the
 * visitor is a newcomer again. Ownership: none. Threads: as route.h.
 */
#ifndef PX_ROUTE_VISITOR_H
#define PX_ROUTE_VISITOR_H

#include "proxy/route/context.h"
#include "proxy/route/cookie.h"

struct px_visitor {
    bool has_key;
    bool is_newcomer; /* sticky by our cookie, and none that is valid was sent */
    uint64_t key;
    enum px_cookie_state state;
    struct px_cookie cookie;
    uint32_t bound; /* place in the rule's versions, or STRATEGY_NONE */
};

struct px_visitor px_visitor_find(const struct px_route_context *context);

/*
 * After the version was chosen: gives a newcomer an id that agrees with the slot, and sets the
 * cookie if there is something new in it. May change the answer's index after a failover: the
 * key's own order decides, so that the next request meets the same version.
 */
void px_visitor_answer(const struct px_route_context *context,
                       struct strategy_version_question *question,
                       struct strategy_version_answer *answer, struct px_visitor *visitor,
                       struct px_decision *decision);

#endif
