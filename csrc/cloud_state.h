/* Cloud state: the one default client behind the TIM functions, with its logic thread, callbacks and
 * settings.
 *
 * What outlives TIMUninit: the callbacks that were set or added, and the settings made with TIMSetConfig;
 * both hold for the next TIMInit. TIMUninit ends everything else, the logic thread too. Any thread may call
 * any function, also inside a callback. Those that return int return a TIMResult and keep the sentence for
 * timmsg_last_error. */
#ifndef TM_CLOUD_STATE_H
#define TM_CLOUD_STATE_H

#include "call.h"
#include "logic.h"

/* What a TIM function was called with; what the call's entry in the call table does not name is NULL. */
typedef struct tm_cloud_args {
    tm_call_kind kind;
    const char *conv_id;
    enum TIMConvType conv_type;
    const char *json, *first_text, *second_text;
    TIMCommCallback cb;
    const void *user_data;
} tm_cloud_args;

/* Text to tree, then to the client. Everything is borrowed until return, `user_data` until the completion. */
int tm_cloud_call(const tm_cloud_args *call);

/* TIMInit: a client, with the settings made before, and the logic thread. A failure leaves nothing behind. */
int tm_cloud_init(const char *json);
/* TIMUninit: what is pending is delivered before it returns, on the logic thread; inside a callback that is
 * here and now, and the library counts as closing (TIMInit is refused) until that callback has returned. Of
 * two at once the second is refused when the first is through; inside a callback at once, as the first waits
 * for that callback. */
int tm_cloud_uninit(void);
/* TIMSetConfig: to the client if there is one, and kept for each TIMInit to come. Without a client the
 * completion is delivered at once, by a logic thread that is started for it and stays. */
int tm_cloud_set_config(const char *json, TIMCommCallback cb, const void *user_data);

/* The register of callbacks, see logic.h; the client hears what is wanted. */
void tm_cloud_set_handler(tm_letter_kind kind, tm_any_callback cb, const void *user_data);
void tm_cloud_add_recv(TIMRecvNewMsgCallback cb, const void *user_data);
void tm_cloud_remove_recv(TIMRecvNewMsgCallback cb);

/* The sentence of this thread's last call if it was refused, else "". Borrowed until this thread's next
 * call. */
const char *tm_cloud_last_error(void);

#endif
