package io.github.wandacuda.cli;

import io.github.wandacuda.job.PackingJob;
import io.github.wandacuda.model.ModelDirectory;
import picocli.CommandLine.Mixin;

/** What packing and unpacking a model directory have in common. */
abstract class PackingCommand implements Runnable {
  @Mixin private ModelOption model;
  @Mixin private PackingOptions options;
  @Mixin private ThreadsOption threads;
  @Mixin private OutputOptions output;

  private final CommandClock clock = new CommandClock();

  /** Makes a job of either kind. */
  interface Way {
    PackingJob job(ModelDirectory model, PackingOptions options);
  }

  /**
   * Runs the command.
   *
   * @param done what it has done in the end, such as {@code packed}
   */
  final void run(Way way, String done) {
    int count = threads.count();
    options.warnOfIdle(output);
    try (MemoryWatch memory = new MemoryWatch();
        ModelDirectory directory = model.open()) {
      ModelSummary.say(directory, output);
      PackingJob.Result result = way.job(directory, options).run(count, output.progress());
      if (!directory.isPacked() && result.ratio() >= 1) {
        output.warn(
            "packed it takes %d bytes, before %d: it has too few zeros; take it as it was, or prune it"
                .formatted(result.bytesAfter(), result.bytesBefore()));
      }
      double seconds = clock.total();
      options.print(done, directory.path(), result, seconds, memory, output);
    }
  }
}
