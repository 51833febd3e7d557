/*
 * doors: the listening sockets of the loops: opened before a change, walked through after it.
 *
 * Glossary: door (one listening socket of one loop; an address has one for each loop, or more when
 * another process passed them on). Not for what comes through (session/).
 * Shapes: what `listen` names is bound first, all or none; loops listen when the change is in
 * force. A door that is not wanted any more refuses new connections, takes those that are queued,
 * and closes. A given one is another process's too, and only let go of. Errors: negative errno with
 * a sentence (malloc'd). Ownership: the control thread's list; a closed door comes back by mail to
 * be freed. Threads: control, but for what says otherwise.
 */
#ifndef PX_WORKER_DOORS_H
#define PX_WORKER_DOORS_H

#include "proxy/worker/loop.h"

#define PX_DOOR_REFUSE_MS 100 /* between refusing new connections and closing */

struct px_door {
    struct tn_list node; /* of workers->doors or workers->new_doors */
    struct px_data_loop *loop;
    char *text; /* as `listen` has it */
    struct sockaddr_storage address;
    int fd;        /* the listener's */
    bool is_given; /* another process has it, too */
    bool is_closing;
    bool next_proxy_protocol; /* on its way to the loop */
    struct tn_mail mail;

    /* the loop's thread, once it runs */
    struct tn_list loop_node;
    struct tn_listener listener;
    struct tn_deadline closing;
    bool proxy_protocol;
};

/* The doors of one address, of its config's listen entry, into list. */
int px_doors_open(struct px_workers *workers, const struct px_listen *listen, struct tn_list *list,
                  char **ret_why);

/* Before any thread runs: they start to listen, or may not yet. */
int px_doors_start_all(struct px_workers *workers, char **ret_why);

/* Of a list that no loop has heard of, or whose loops have ended. */
void px_doors_free(struct tn_list *list);

/* The same for access logs (logs.c): opened beside the ones in use; then one or the other. */
int px_logs_open(struct px_workers *workers, const struct px_config *config, char **ret_why);
void px_logs_drop(struct px_workers *workers);
void px_logs_switch(struct px_workers *workers);

/* --- on the loop's thread ----------------------------------------------------------------------
 */

/* The loop has it from here on, and listens once it is started. */
int px_door_hold(struct px_door *door);

/* First and second step of stopping. False: nobody has to be refused, the second may come now. */
bool px_doors_refuse(struct px_data_loop *loop);
void px_doors_close(struct px_data_loop *loop);

#endif
