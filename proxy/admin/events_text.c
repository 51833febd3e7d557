#include "proxy/admin/events_parts.h"
#include "proxy/admin/resources.h"

#include <stdio.h>
#include <stdlib.h>

/* An event of a change is never larger: who wants more asks for it. */
#define NAMES_MAX 64

char *px_event_text(const char *name, const uint64_t *id, json_t *data)
{
    char *json = data ? tn_json_text(data, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    char head[32] = "";
    char *text = NULL;

    json_decref(data);
    if (id)
        snprintf(head, sizeof(head), "id: %llu\n", (unsigned long long)*id);
    if (json && asprintf(&text, "%sevent: %s\ndata: %s\n\n", head, name, json) < 0)
        text = NULL;
    free(json);
    return text;
}

/* Of the rules that are other than before, the names. */
static json_t *touched(const json_t *answer)
{
    static const char *const sides[] = {"before", "after"};
    json_t *names = json_array();

    for (unsigned side = 0; side < 2; side++) {
        size_t i;
        json_t *rule;

        json_array_foreach(json_object_get(answer, sides[side]), i, rule)
        {
            json_t *name = json_object_get(rule, "name");
            size_t k;
            json_t *known;
            bool is_known = false;

            json_array_foreach(names, k, known)
            {
                is_known = is_known || json_equal(known, name);
            }
            if (!is_known && json_array_size(names) < NAMES_MAX)
                tn_json_append(&names, json_incref(name));
        }
    }
    return names;
}

json_t *px_event_of_change(const struct px_admin *admin, const struct px_change *change)
{
    char at[TN_RFC3339_SIZE];
    json_t *modes = json_object_get(change->answer, "modes");

    return json_pack("{s:I, s:s, s:s, s:s?, s:O?, s:s?, s:o, s:O?}", "revision",
                     (json_int_t)change->revision, "at",
                     tn_clock_rfc3339(px_rulebook_state(admin->book).applied_wall_ns, at), "what",
                     change->what, "author", change->author, "peer", change->peer, "reason",
                     change->reason, "rules", touched(change->answer), "modes",
                     json_array_size(modes) <= NAMES_MAX ? modes : NULL);
}

json_t *px_event_state(const struct px_admin *admin)
{
    json_t *status = px_status_json(admin);
    size_t i;
    json_t *ttl;

    json_object_del(status, "uptime_s");
    json_array_foreach(json_object_get(status, "ttls"), i, ttl)
    {
        json_object_del(ttl, "left_ms");
    }
    return json_pack("{s:I, s:o, s:O}", "revision",
                     (json_int_t)px_rulebook_state(admin->book).revision, "status", status, "rules",
                     px_rulebook_rules(admin->book));
}
