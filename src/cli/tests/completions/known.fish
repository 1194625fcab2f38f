# Ids, accounts and what else only the program knows.
complete -c postrider -n "__fish_postrider_using_subcommand flush" -f -a "(postrider complete ids 2>/dev/null)"
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list show hold release delete retry" -f -a "(postrider complete ids 2>/dev/null)"
complete -c postrider -n "__fish_postrider_using_subcommand history" -f -a "(postrider complete history 2>/dev/null)"
complete -c postrider -n "__fish_postrider_using_subcommand test" -f -a "(postrider complete accounts 2>/dev/null)"
complete -c postrider -n "__fish_postrider_using_subcommand password; and __fish_seen_subcommand_from set delete test" -f -a "(postrider complete accounts 2>/dev/null)"
complete -c postrider -n "__fish_postrider_using_subcommand flush" -l account -x -a "(postrider complete accounts 2>/dev/null)"
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list hold release delete retry" -l account -x -a "(postrider complete accounts 2>/dev/null)"
complete -c postrider -n "__fish_postrider_using_subcommand import" -f -a "(postrider complete programs)"
