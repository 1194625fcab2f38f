
# Ids, accounts and what else only the program knows.
_postrider_known() {
    _postrider "$@"
    local current=${COMP_WORDS[COMP_CWORD]} words="" config=() wanted="" i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --config) config=(--config "${COMP_WORDS[++i]}") ;;
            -*) ;;
            *) words+=" ${COMP_WORDS[i]}" ;;
        esac
    done
    case $3,$current,$words in
        --account,*) wanted=accounts ;;
        --client,*) wanted=clients ;;
        --sender,* | --recipient,* | --older,* | --since,* | --until,* | --config,* | --to,* | --from,* | *,-*,*) ;;
        *,*," flush"* | *,*," queue list"* | *,*," queue show"* | *,*," queue hold"*) wanted=ids ;;
        *,*," queue release"* | *,*," queue delete"* | *,*," queue retry"*) wanted=ids ;;
        *,*," history"*) wanted=history ;;
        *,*," test" | *,*," password set" | *,*," password delete" | *,*," password test") wanted=accounts ;;
        *,*," client password" | *,*," client delete") wanted=clients ;;
        *,*," import") wanted=programs ;;
    esac
    case $wanted in
        "") return 0 ;;
        accounts | clients | programs) COMPREPLY=() ;;
        *) current=${current^^} ;;
    esac
    COMPREPLY+=($(compgen -W "$("$1" "${config[@]}" complete "$wanted" 2>/dev/null)" -- "$current"))
}

complete -F _postrider_known -o bashdefault -o default postrider
