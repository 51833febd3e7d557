#include "proxy/route/route.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>

/* Steps of one match from one starting place, and memory beyond the first 20 KiB: what a hostile
 * request can make a careless pattern cost. */
#define REGEX_STEPS 2000
#define REGEX_HEAP_KIB 256

int px_route_loop_init(struct px_route_loop *loop, uint64_t proxy_id, uint32_t loop_index)
{
    pcre2_match_data *memory = pcre2_match_data_create(1, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);

    if (!memory || !context) {
        pcre2_match_data_free(memory);
        pcre2_match_context_free(context);
        return -ENOMEM;
    }
    pcre2_set_match_limit(context, REGEX_STEPS);
    pcre2_set_depth_limit(context, REGEX_STEPS);
    pcre2_set_heap_limit(context, REGEX_HEAP_KIB);
    memset(loop, 0, sizeof(*loop));
    tn_random_init_system(&loop->random);
    loop->start = strategy_mix(proxy_id ^ strategy_mix(loop_index));
    loop->regex_memory = memory;
    loop->regex_context = context;
    return 0;
}

void px_route_loop_deinit(struct px_route_loop *loop)
{
    pcre2_match_data_free(loop->regex_memory);
    pcre2_match_context_free(loop->regex_context);
    loop->regex_memory = NULL;
    loop->regex_context = NULL;
}
