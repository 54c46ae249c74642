package io.github.wandacuda.job;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibrate.Progress;
import io.github.wandacuda.prune.PhaseClock;
import io.github.wandacuda.system.Workers;

/**
 * What a run works with.
 *
 * @param backend what prunes
 * @param workers as many threads as the backend wants to be called from
 * @param clock is told where the time goes
 * @param progress is told how far the run is
 */
record RunTools(Backend backend, Workers workers, PhaseClock clock, Progress progress) {}
