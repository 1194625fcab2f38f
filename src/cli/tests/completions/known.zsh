# Ids, accounts and what else only the program knows.
(( $+functions[_postrider_known] )) ||
_postrider_known() {
    local -a known config
    (( ${+opt_args[--config]} )) && config=(--config "${(Q)opt_args[--config]}")
    known=(${(f)"$(_call_program known postrider ${(q)config} complete $1 2>/dev/null)"})
    shift
    compadd "$@" -M 'm:{a-f}={A-F}' -a known
}

(( $+functions[_postrider_accounts] )) ||
_postrider_accounts() { _postrider_known accounts "$@" }

(( $+functions[_postrider_clients] )) ||
_postrider_clients() { _postrider_known clients "$@" }

(( $+functions[_postrider_ids] )) ||
_postrider_ids() { _postrider_known ids "$@" }

(( $+functions[_postrider_finished] )) ||
_postrider_finished() { _postrider_known history "$@" }

