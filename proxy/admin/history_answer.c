#include "proxy/admin/resources.h"

#include "lib/api/query.h"
#include "proxy/admin/history.h"

#include <errno.h>
#include <stdlib.h>

#define COUNT_DEFAULT 20

/* -EINVAL: the call was answered. */
static int read_count(struct tn_api_call *call, size_t *ret_count)
{
    struct tn_str rest = tn_http_view(call->head, call->head->query);
    char buffer[64];
    const char *name;
    const char *value;
    int r;

    *ret_count = COUNT_DEFAULT;
    while ((r = tn_api_query_next(&rest, buffer, sizeof(buffer), &name, &value)) == 1) {
        char *end;
        unsigned long count = strtoul(value, &end, 10);

        if (strcmp(name, "n") != 0) {
            tn_api_problem(call, 422, "unknown parameter '%.32s': only n", name);
            return -EINVAL;
        }
        if (value[0] < '0' || value[0] > '9' || *end || count == 0 || count > PX_HISTORY_MAX) {
            tn_api_problem(call, 422, "n must be a whole number, 1 to %u", PX_HISTORY_MAX);
            return -EINVAL;
        }
        *ret_count = count;
    }
    if (r == 0)
        return 0;
    tn_api_problem(call, 422, "the query is not well encoded");
    return -EINVAL;
}

void px_admin_get_history(struct tn_api_call *call, void *context)
{
    struct px_admin *admin = context;
    size_t count;

    if (read_count(call, &count) != 0)
        return;
    px_admin_add_etag(admin, call);
    tn_api_answer_json(call, 200, px_rulebook_history(admin->book, count));
}
