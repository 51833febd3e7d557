#include "proxy/admin/rulebook.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct own_abort {
    px_aborted_fn *on_done;
    void *context;
};

static void on_change_done(struct px_change *change)
{
    struct own_abort *own = change->context;

    if (own->on_done)
        own->on_done(own->context, change->status,
                     json_is_true(json_object_get(change->answer, "changed")), change->detail);
    free(own);
    px_change_free(change);
}

int px_rulebook_abort(struct px_rulebook *book, const char *rule, const char *author,
                      const char *reason, px_aborted_fn *on_done, void *context)
{
    struct px_change *change = px_change_new();
    struct own_abort *own = malloc(sizeof(*own));

    if (!change || !own)
        goto no_memory;
    *own = (struct own_abort){on_done, context};
    change->what = "abort";
    change->edit = px_edit_abort;
    change->request = json_pack("{s:s}", "rule", rule);
    change->author = strdup(author);
    change->reason = strdup(reason);
    change->is_urgent = true;
    change->on_done = on_change_done;
    change->context = own;
    if (!change->request || !change->author || !change->reason)
        goto no_memory;
    px_rulebook_submit(book, change);
    return 0;
no_memory:
    free(own);
    px_change_free(change);
    return -ENOMEM;
}
