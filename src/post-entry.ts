// What the runner starts after the job: says that this is post, in a way that doesn't depend on
// what main came to save, and loads the same bundle.

process.env['ZK_ENSEMBLE_STEP'] = 'post'
await import('./index.ts')
