#include "app/delay.h"

#include <stddef.h>
#include <time.h>

uint64_t app_delay_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* With the mutex held. NULL: nothing is due. */
static struct app_delay_item *take_due(struct app_delay *delay)
{
    struct app_delay_item *item = delay->first;
    if (item == NULL || (!delay->is_flushed && item->due_ns > app_delay_now_ns())) {
        return NULL;
    }
    delay->first = item->next;
    return item;
}

static void wait_for_change(struct app_delay *delay)
{
    if (delay->first == NULL) {
        pthread_cond_wait(&delay->changed, &delay->mutex);
        return;
    }
    struct timespec until = {.tv_sec = (time_t)(delay->first->due_ns / 1000000000u),
                             .tv_nsec = (long)(delay->first->due_ns % 1000000000u)};
    pthread_cond_timedwait(&delay->changed, &delay->mutex, &until);
}

static void *run(void *argument)
{
    struct app_delay *delay = argument;
    pthread_mutex_lock(&delay->mutex);
    while (delay->first != NULL || !delay->is_stopping) {
        struct app_delay_item *item = take_due(delay);
        if (item == NULL) {
            wait_for_change(delay);
            continue;
        }
        pthread_mutex_unlock(&delay->mutex);
        item->on_due(item);
        pthread_mutex_lock(&delay->mutex);
    }
    pthread_mutex_unlock(&delay->mutex);
    return NULL;
}

int app_delay_start(struct app_delay *delay)
{
    pthread_condattr_t attributes;
    *delay = (struct app_delay){.first = NULL};
    pthread_mutex_init(&delay->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&delay->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return -pthread_create(&delay->thread, NULL, run, delay);
}

void app_delay_stop(struct app_delay *delay)
{
    pthread_mutex_lock(&delay->mutex);
    delay->is_flushed = true;
    delay->is_stopping = true;
    pthread_cond_signal(&delay->changed);
    pthread_mutex_unlock(&delay->mutex);
    pthread_join(delay->thread, NULL);
    pthread_cond_destroy(&delay->changed);
    pthread_mutex_destroy(&delay->mutex);
}

void app_delay_add(struct app_delay *delay, struct app_delay_item *item, uint64_t delay_ms)
{
    item->due_ns = app_delay_now_ns() + delay_ms * 1000000u;
    pthread_mutex_lock(&delay->mutex);
    struct app_delay_item **place = &delay->first;
    while (*place != NULL && (*place)->due_ns <= item->due_ns) {
        place = &(*place)->next;
    }
    item->next = *place;
    *place = item;
    pthread_cond_signal(&delay->changed);
    pthread_mutex_unlock(&delay->mutex);
}

void app_delay_flush(struct app_delay *delay)
{
    pthread_mutex_lock(&delay->mutex);
    delay->is_flushed = true;
    pthread_cond_signal(&delay->changed);
    pthread_mutex_unlock(&delay->mutex);
}

bool app_delay_is_flushed(struct app_delay *delay)
{
    pthread_mutex_lock(&delay->mutex);
    bool is_flushed = delay->is_flushed;
    pthread_mutex_unlock(&delay->mutex);
    return is_flushed;
}
