process.env['ZK_ENSEMBLE_STEP'] = 'post';
await import('./index.js');
export {};
