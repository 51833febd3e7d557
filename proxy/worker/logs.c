#include "proxy/worker/doors.h"

#include <stdio.h>
#include <string.h>

int px_logs_open(struct px_workers *workers, const struct px_config *config, char **ret_why)
{
    for (uint32_t i = 0; i < workers->loop_count; i++) {
        struct px_data_loop *loop = &workers->loops[i];
        int error = px_access_log_init(&loop->next_log, config->access_log, config->log_format,
                                       &workers->sink, loop->stats);

        if (!error)
            continue;
        if (asprintf(ret_why, "cannot write the access log %s: %s", config->access_log,
                     strerror(-error)) < 0)
            *ret_why = NULL;
        while (i-- > 0)
            px_access_log_deinit(&workers->loops[i].next_log);
        return error;
    }
    workers->has_new_logs = true;
    return 0;
}

void px_logs_drop(struct px_workers *workers)
{
    for (uint32_t i = 0; workers->has_new_logs && i < workers->loop_count; i++)
        px_access_log_deinit(&workers->loops[i].next_log);
    workers->has_new_logs = false;
}

/* What the old one still holds goes where it belongs. */
static void switch_on_loop(struct tn_mail *mail)
{
    struct px_data_loop *loop = TN_CONTAINER_OF(mail, struct px_loop_mail, mail)->loop;

    px_access_log_deinit(&loop->log);
    loop->log = loop->next_log;
}

void px_logs_switch(struct px_workers *workers)
{
    for (uint32_t i = 0; workers->has_new_logs && i < workers->loop_count; i++) {
        struct px_data_loop *loop = &workers->loops[i];

        loop->log_mail.loop = loop;
        loop->log_mail.mail.run = switch_on_loop;
        if (!tn_mailbox_post(&loop->mailbox, &loop->log_mail.mail))
            px_access_log_deinit(&loop->next_log); /* it has stopped */
    }
    workers->has_new_logs = false;
}
