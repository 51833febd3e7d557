#include "proxy/session/retry.h"

enum px_retry px_retry_decide(const struct px_retry_question *question)
{
    if (question->tries >= question->tries_max)
        return PX_RETRY_COUNT;
    if (!question->is_connected)
        return PX_RETRY_CONNECT; /* nothing was sent: any method may go elsewhere */
    if (!question->is_reused || question->has_answer_bytes || question->has_retried_reused)
        return PX_RETRY_COUNT;
    if (!question->is_idempotent || question->has_body)
        return PX_RETRY_COUNT;
    return PX_RETRY_REUSED;
}
