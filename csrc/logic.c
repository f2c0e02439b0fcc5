/* Logic: see logic.h. */
#include "logic.h"

#include "json.h"

/* ---- The register ---- */

typedef struct tm_recv_handler {
    struct tm_recv_handler *next;
    uint64_t id; /* grows with each one added: how far an array has been handed round */
    TIMRecvNewMsgCallback cb;
    const void *user_data;
} tm_recv_handler;

void tm_handlers_set(tm_handlers *handlers, tm_letter_kind kind, tm_any_callback cb, const void *user_data)
{
    pthread_mutex_lock(&handlers->mutex);
    handlers->single[kind] = (tm_handler){cb, user_data};
    pthread_mutex_unlock(&handlers->mutex);
}

static tm_handler get_handler(tm_handlers *handlers, tm_letter_kind kind)
{
    pthread_mutex_lock(&handlers->mutex);
    tm_handler handler = handlers->single[kind];
    pthread_mutex_unlock(&handlers->mutex);
    return handler;
}

/* The place that points to the callback's entry, or the end of the list. The mutex is held. */
static tm_recv_handler **find_recv(tm_handlers *handlers, TIMRecvNewMsgCallback cb)
{
    tm_recv_handler **place = &handlers->recv;
    while (*place && (*place)->cb != cb)
        place = &(*place)->next;
    return place;
}

bool tm_handlers_add_recv(tm_handlers *handlers, TIMRecvNewMsgCallback cb, const void *user_data)
{
    pthread_mutex_lock(&handlers->mutex);
    tm_recv_handler **place = find_recv(handlers, cb);
    if (!*place) {
        *place = tm_calloc(1, sizeof **place);
        if (*place) {
            (*place)->id = ++handlers->last_id;
            (*place)->cb = cb;
        }
    }
    bool added = *place != NULL;
    if (added) (*place)->user_data = user_data;
    pthread_mutex_unlock(&handlers->mutex);
    return added;
}

void tm_handlers_remove_recv(tm_handlers *handlers, TIMRecvNewMsgCallback cb)
{
    pthread_mutex_lock(&handlers->mutex);
    tm_recv_handler **place = find_recv(handlers, cb);
    tm_recv_handler *found = *place;
    if (found) *place = found->next;
    pthread_mutex_unlock(&handlers->mutex);
    tm_free(found);
}

unsigned tm_handlers_wanted(tm_handlers *handlers)
{
    unsigned wanted = 1u << TM_LETTER_RESULT | 1u << TM_LETTER_PROGRESS;
    pthread_mutex_lock(&handlers->mutex);
    if (handlers->recv) wanted |= 1u << TM_LETTER_RECV_NEW_MSG;
    for (unsigned kind = 0; kind <= TM_LETTER_LOG; kind++)
        if (handlers->single[kind].cb) wanted |= 1u << kind;
    pthread_mutex_unlock(&handlers->mutex);
    return wanted;
}

tm_token *tm_token_new(TIMCommCallback cb, const void *user_data)
{
    tm_token *token = tm_malloc(sizeof *token);
    if (token) *token = (tm_token){cb, user_data};
    return token;
}

/* ---- Delivery ---- */

/* How far one array of new messages has been handed round. */
typedef struct tm_round {
    const char *json;
    uint64_t after, last; /* ids: those up to `after` have had it; those over `last` came later */
} tm_round;

/* Letters of the thread to itself have its own address as the token, which no call has. */
enum { STOP, MOVE };

struct tm_logic {
    tm_handlers *handlers;
    pthread_t thread;
    tm_mailbox *inbox; /* where letters are put: `mailbox`, or the one that the thread will move to; owned */
    tm_letter *stop_letter; /* made in advance, so that stopping can't fail; NULL once it is put */
    /* What follows belongs to the logic thread. */
    tm_mailbox *mailbox; /* where letters are taken; owned */
    bool stopping;
    bool logging; /* the callback for lines of the log runs */
    void (*ended)(void);
    tm_round *round; /* the one under way, NULL if none is */
};

static void go_round(tm_handlers *handlers, tm_round *round)
{
    for (;;) {
        pthread_mutex_lock(&handlers->mutex);
        const tm_recv_handler *handler = handlers->recv;
        while (handler && handler->id <= round->after)
            handler = handler->next;
        if (!handler || handler->id > round->last) break;
        round->after = handler->id;
        TIMRecvNewMsgCallback cb = handler->cb;
        const void *user_data = handler->user_data;
        pthread_mutex_unlock(&handlers->mutex);
        cb(round->json, user_data);
    }
    pthread_mutex_unlock(&handlers->mutex);
}

static void deliver_new_messages(tm_logic *logic, const char *json)
{
    tm_round round = {.json = json};
    pthread_mutex_lock(&logic->handlers->mutex);
    round.last = logic->handlers->last_id;
    pthread_mutex_unlock(&logic->handlers->mutex);
    logic->round = &round;
    go_round(logic->handlers, &round);
    logic->round = NULL;
}

static void deliver_completion(tm_letter *letter)
{
    tm_token *token = letter->token;
    if (!token) return;
    TIMCommCallback cb = token->cb;
    const void *user_data = token->user_data;
    if (letter->kind == TM_LETTER_RESULT) tm_free(token);
    bool whole = tm_letter_unpack(letter);
    char *json = letter->json ? tm_json_print(letter->json) : NULL;
    if ((!whole || (letter->json && !json)) && letter->code == 0)
        cb(ERR_OUT_OF_MEMORY, "out of memory", "", user_data);
    else
        cb(letter->code, letter->desc, json ? json : "", user_data);
    tm_free(json);
}

static void call_handler(const tm_letter *letter, const char *json, tm_handler handler)
{
    switch (letter->kind) {
    case TM_LETTER_READED_RECEIPT: ((TIMMsgReadedReceiptCallback)handler.cb)(json, handler.user_data); break;
    case TM_LETTER_REVOKE: ((TIMMsgRevokeCallback)handler.cb)(json, handler.user_data); break;
    case TM_LETTER_UPLOAD_PROGRESS:
        ((TIMMsgElemUploadProgressCallback)handler.cb)(json, letter->index, letter->current, letter->total,
                                                       handler.user_data);
        break;
    case TM_LETTER_GROUP_TIPS: ((TIMGroupTipsEventCallback)handler.cb)(json, handler.user_data); break;
    case TM_LETTER_CONV_EVENT:
        ((TIMConvEventCallback)handler.cb)((enum TIMConvEvent)letter->event, json, handler.user_data);
        break;
    case TM_LETTER_NETWORK_STATUS:
        ((TIMNetworkStatusListenerCallback)handler.cb)((enum TIMNetworkStatus)letter->event, letter->code,
                                                       letter->desc, handler.user_data);
        break;
    case TM_LETTER_KICKED_OFFLINE: ((TIMKickedOfflineCallback)handler.cb)(handler.user_data); break;
    case TM_LETTER_LOG:
        ((TIMLogCallback)handler.cb)((enum TIMLogLevel)letter->event, letter->desc, handler.user_data);
        break;
    case TM_LETTER_RESULT:
    case TM_LETTER_PROGRESS:
    case TM_LETTER_RECV_NEW_MSG: break; /* have no single handler */
    }
}

static void deliver_event(tm_logic *logic, tm_letter *letter)
{
    tm_handler handler = get_handler(logic->handlers, letter->kind);
    if (letter->kind != TM_LETTER_RECV_NEW_MSG && !handler.cb) return;
    if (!tm_letter_unpack(letter)) return; /* likewise */
    char *json = letter->json ? tm_json_print(letter->json) : NULL;
    if (letter->json && !json) return; /* no memory: the store has what the event was about */
    bool logging = logic->logging;
    if (letter->kind == TM_LETTER_LOG) logic->logging = true;
    if (letter->kind == TM_LETTER_RECV_NEW_MSG)
        deliver_new_messages(logic, json ? json : "[]");
    else
        call_handler(letter, json ? json : "", handler);
    logic->logging = logging;
    tm_free(json);
}

static void obey(tm_logic *logic, const tm_letter *letter)
{
    if (letter->event == STOP) {
        logic->stopping = true;
        return;
    }
    tm_mailbox_free(logic->mailbox);
    logic->mailbox = logic->inbox;
}

/* Delivers the oldest letter, if there is one. */
static bool deliver_one(tm_logic *logic)
{
    tm_letter *letter = tm_mailbox_take(logic->mailbox);
    if (!letter) return false;
    if (letter->kind == TM_LETTER_RESULT && letter->token == logic)
        obey(logic, letter);
    else if (letter->kind == TM_LETTER_RESULT || letter->kind == TM_LETTER_PROGRESS)
        deliver_completion(letter);
    else
        deliver_event(logic, letter);
    tm_letter_free(letter);
    return true;
}

void tm_logic_drain(tm_logic *logic)
{
    if (logic->round) go_round(logic->handlers, logic->round);
    while (deliver_one(logic))
        ;
}

/* ---- The thread ---- */

void tm_logic_free(tm_logic *logic)
{
    if (!logic) return;
    tm_letter_free(logic->stop_letter);
    tm_mailbox_free(logic->mailbox);
    tm_free(logic);
}

static void *run(void *argument)
{
    tm_logic *logic = argument;
    while (!logic->stopping)
        if (!deliver_one(logic)) tm_mailbox_wait(logic->mailbox, -1);
    if (logic->ended) { /* stopped from inside: nobody will join */
        pthread_detach(pthread_self());
        logic->ended();
        tm_logic_free(logic);
    }
    return NULL;
}

tm_logic *tm_logic_start(tm_handlers *handlers, tm_mailbox *mailbox, tm_error *err)
{
    tm_logic *logic = tm_calloc(1, sizeof *logic);
    tm_letter *letter = tm_letter_new(TM_LETTER_RESULT, NULL, NULL);
    if (!logic || !letter) {
        tm_fail_memory(err);
        goto fail;
    }
    letter->token = logic;
    letter->event = STOP;
    logic->stop_letter = letter;
    logic->handlers = handlers;
    logic->inbox = logic->mailbox = mailbox;
    if (pthread_create(&logic->thread, NULL, run, logic) != 0) {
        tm_fail(err, ERR_OUT_OF_MEMORY, "the logic thread can't be started");
        goto fail;
    }
    return logic;
fail:
    tm_letter_free(letter);
    tm_free(logic);
    return NULL;
}

bool tm_logic_is_current(const tm_logic *logic)
{
    return pthread_equal(logic->thread, pthread_self());
}

bool tm_logic_is_logging(const tm_logic *logic)
{
    return tm_logic_is_current(logic) && logic->logging;
}

void tm_logic_put(tm_logic *logic, tm_letter *letter)
{
    tm_mailbox_put(logic->inbox, letter);
}

int32_t tm_logic_move(tm_logic *logic, tm_mailbox *mailbox, tm_error *err)
{
    tm_letter *letter = tm_letter_new(TM_LETTER_RESULT, NULL, NULL);
    if (!letter) return tm_fail_memory(err);
    letter->token = logic;
    letter->event = MOVE;
    tm_mailbox *before = logic->inbox;
    logic->inbox = mailbox;
    tm_mailbox_put(before, letter);
    return 0;
}

void tm_logic_stop(tm_logic *logic)
{
    tm_letter *letter = logic->stop_letter;
    logic->stop_letter = NULL;
    tm_mailbox_put(logic->inbox, letter);
    pthread_join(logic->thread, NULL);
}

void tm_logic_stop_inside(tm_logic *logic, void (*ended)(void))
{
    logic->ended = ended;
    logic->stopping = true;
}
