package io.github.wandacuda.job;

import java.io.Serializable;

/**
 * What a process on another machine has to know to run samples through a model.
 *
 * @param source the model, where all machines have it
 * @param arithmetic what the last bits depend on, the same on all machines
 * @param devices what each process opens
 * @param pruned the run that prunes each block before samples leave it, or null for the dense model
 */
record CalibrationRun(
    SharedSource source, String arithmetic, OnCluster.Devices devices, RunDescription pruned)
    implements Serializable {}
