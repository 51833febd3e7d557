/*
 * channel: lines of JSON between two processes on a Unix socket, on the control loop.
 *
 * Not for what the lines say (handover.h).
 * Shapes: one JSON object a line, at most PX_CHANNEL_LINE_MAX bytes. Errors: a line that is none,
 * or too long, ends the channel like a peer that left. Ownership: embedded; its memory must outlive
 * the loop's last turn after px_channel_close(). Callbacks: on_line with a borrowed object, in
 * order, and on_lost at most once; both also from inside px_channel_cut(), neither after close.
 * Threads: control.
 */
#ifndef PX_CHANNEL_H
#define PX_CHANNEL_H

#include "lib/api/json.h"
#include "lib/net/passing.h"

#define PX_CHANNEL_LINE_MAX ((size_t)16 * 1024 * 1024)

struct px_channel {
    struct tn_stream stream;
    bool is_open;
    bool is_lost;
    bool is_busy; /* its memory is in use, also after close */
    char *in;
    size_t in_len, in_size;
    void (*on_line)(struct px_channel *channel, const json_t *line);
    void (*on_lost)(struct px_channel *channel);
};

/* on_line and on_lost are set by the caller before. The descriptor is taken over in any case. */
int px_channel_open(struct px_channel *channel, struct tn_loop *loop, int fd);

/* Takes the reference over; NULL is -ENOMEM. 0: sent or on its way; descriptors go with the line's
 * first byte, and need a channel with nothing on its way. */
int px_channel_send(struct px_channel *channel, json_t *line);
int px_channel_send_with(struct px_channel *channel, json_t *line, const int *descriptors,
                         unsigned count);

/* Everything that was sent is with the kernel: the peer will find it, whatever becomes of us. */
bool px_channel_is_sent(const struct px_channel *channel);

/*
 * Nobody can send anything from here on; what the peer had sent before is told now, on_line by
 * on_line. So both agree on which lines there were.
 */
void px_channel_cut(struct px_channel *channel);

/* May be repeated. */
void px_channel_close(struct px_channel *channel);

#endif
