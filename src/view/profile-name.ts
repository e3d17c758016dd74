// The kinds of ensembles that we know, and how deep each can be checked.

export type ProfileName = 'zookeeper' | 'cassandra' | 'custom' | 'none'

export type VerifyLevel = 'quick' | 'full' | 'thorough'
