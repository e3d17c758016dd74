// Texts that somebody could write into an object of the cluster to act on the runner, a terminal, a page or a shell.

/** What each would do stands beside it. */
export const HOSTILE_TEXTS: readonly string[] = [
  // The runner's commands, in every form that it reads.
  '::error::owned', '::error title=INJECTED::owned', '::add-mask::e', '::stop-commands::token', '::set-output name=x::y', '::save-state name=x::y', '::group::x', '::endgroup::', '::debug::x',
  '  ::warning::indented', '\t::warning::behind a tab', '\u00a0::error::behind a no-break space', '\ufeff::error::behind a mark', '\u200b::error::behind a zero width', ':\u200b:error::split', '##[error]owned', 'text ##[add-mask]e', '#\u200b#[group]x',
  // Line ends of every kind before a command.
  'x\n::error::owned', 'x\r::error::owned', 'x\r\n::error::owned', 'x\u2028::error::owned', 'x\u2029::error::owned', 'x\u0085::error::owned', 'x\u000b::error::owned', 'x\u000c::error::owned', 'x\u0000::error::owned', '%0A::error::owned', '%0D%0A::error::owned',
  // Terminals.
  '\u001b[31mred', '\u001b]0;title\u0007', '\u001b]8;;https://evil.example\u001b\\click\u001b]8;;\u001b\\', '\u001b[2J\u001b[H', '\u009b31m', 'a\b\b\bb', '\u202edeifirev',
  // Pages.
  '<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '</pre></details>', '<details open>', '[click](https://evil.example)', '![](https://evil.example/x.png)', 'https://evil.example www.evil.example', '| a | b |', '```\ncode', '<!-- comment', '@octocat @org/team', 'evil@evil.example GH-1 owner/repo#1 :tada:', '$`a`$ $x$',
  // Shells, and sizes.
  '$(id) `id` ; rm -rf / && true', '-rf', 'x'.repeat(200_000), '\ud800lone\udc00', '&#60;b&#62; &lt;b&gt;',
]
