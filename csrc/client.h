/* Client: the handle both faces use: one user's connection to a backend, with a store and a worker thread.
 * Every function may be called on any thread unless it says otherwise. */
#ifndef TM_CLIENT_H
#define TM_CLIENT_H

#include "call.h"
#include "mailbox.h"
#include "messages.h"
#include "world.h"

#include <stdint.h>

typedef struct tm_client tm_client;

/* Arguments of a call. All are the callee's from the moment of the call, whatever it returns (freed with
 * tm_args_free). */
typedef struct tm_args {
    char *conv_id;
    int32_t conv_type;
    char *first_text, *second_text;
    cJSON *json; /* has not been checked yet; NULL: none given */
    /* Of ImportMsgList, instead of json: messages whose keys are of the right types, with elements; `is_self` is false
     * where they say so themselves. */
    tm_messages *messages;
    bool quiet; /* the call is made inside of a log handler, which is not to be told what it logs */
    /* From where the paths in a message's elements count; NULL: none is relative. Set by tm_client_call. */
    char *here;
} tm_args;

void tm_args_free(tm_args *args);

/* Which events the host has handlers for; the worker makes no letters that nobody wants. Bits are 1 <<
 * tm_letter_kind. */
void tm_client_want(tm_client *client, unsigned letter_bits);

/* Makes a client. `config` is an SdkConfig tree (borrowed until return; NULL is an empty one; index_base as
 * in json.h). Letters go to `mailbox` (borrowed until tm_client_free). Directories are made, the worker is
 * started. `world` is a test world (held while the client lives), where there are no directories and the
 * worker has no thread but that of tm_world_pump; NULL is the system. 0 and *client (owned by the caller),
 * or a TIMResult. */
int32_t tm_client_new(const cJSON *config, int index_base, tm_mailbox *mailbox, tm_world *world,
                      tm_client **client, tm_error *err);

/* In a test world: lets all clients there work until nothing moves, and returns true. Else does nothing. */
bool tm_client_pump(tm_client *client);

/* Makes a call: checks the arguments and queues it. Returns a TIMResult; the sentence is in `err`, and
 * logged. If and only if it is 0, exactly one TM_LETTER_RESULT with `token` follows (also when token is NULL:
 * the host skips it). */
int32_t tm_client_call(tm_client *client, tm_call_kind kind, tm_args *args, void *token, tm_error *err);

/* Ends the download that was called with this token, if it is under way: its letter comes all the same, as a rule with
 * ERR_USER_CANCELED. A later download to its path need not wait for that. Without memory nothing happens. */
void tm_client_drop_download(tm_client *client, void *token);

/* The state checks alone: 0, TIM_ERR_SDKUNINIT (closed) or TIM_ERR_NOTLOGIN. tm_client_call makes them
 * too; a face that parses text asks first, so that a caller who is not logged in hears of that and not of
 * its JSON. */
int32_t tm_client_check_ready(tm_client *client, tm_call_kind kind, tm_error *err);
/* Logs the sentence in `err` as that of a refused call: for what a face refuses before tm_client_call. `quiet` as in
 * tm_args. Returns `code`. */
int32_t tm_client_refuse(tm_client *client, tm_call_kind kind, bool quiet, int32_t code, const tm_error *err);

/* Ends everything: what is under way completes with ERR_USER_CANCELED, the user is logged out, files are
 * closed, the worker has ended on return. Waits 100 ms at most beyond the commit it is in. The letters are in
 * the mailbox then; later calls return TIM_ERR_SDKUNINIT. A second close does nothing. */
void tm_client_close(tm_client *client);
/* Closes if need be, and frees. No other thread may use the client any more. NULL is fine. */
void tm_client_free(tm_client *client);

/* The logged-in user (copied into `out`), or "" when nobody is. */
#define TM_USER_ID_SIZE 33
void tm_client_user(tm_client *client, char out[TM_USER_ID_SIZE]);

#endif
