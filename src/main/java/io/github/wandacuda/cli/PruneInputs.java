package io.github.wandacuda.cli;

import io.github.wandacuda.cli.option.ResultFiles;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.model.ModelDirectory;
import java.nio.file.Path;

/**
 * What a run of {@code prune} works with, read and open.
 *
 * @param model the one that was named
 * @param place where the output goes
 */
record PruneInputs(
    ModelDirectory model,
    Path place,
    Calibration calibration,
    ResultFiles results,
    MemoryWatch memory) {}
