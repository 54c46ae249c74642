package io.github.wandacuda.cli;

import io.github.wandacuda.cli.console.MemoryWatch;
import io.github.wandacuda.cli.option.ModelOption;
import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.cli.option.PackingOptions;
import io.github.wandacuda.cli.option.ThreadsOption;
import io.github.wandacuda.job.packing.PackingJob;
import io.github.wandacuda.model.ModelDirectory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Unpacks a model directory into another one. */
@Command(
    name = "unpack",
    description =
        "Undoes pack: gives the directory that was packed, to the byte.",
    mixinStandardHelpOptions = true)
public final class UnpackCommand implements Runnable {
  @Mixin private ModelOption model;
  @Mixin private PackingOptions options;
  @Mixin private ThreadsOption threads;
  @Mixin private OutputOptions output;

  @Override
  public void run() {
    long start = System.nanoTime();
    int count = threads.count();
    options.warnOfIdle(output);
    try (MemoryWatch memory = new MemoryWatch();
        ModelDirectory directory = model.open()) {
      ModelSummary.say(directory, output);
      PackingJob.Result result =
          PackingJob.unpack(directory, options.directory(), options.resume(), options.verify())
              .run(count, output.progress());
      double seconds = (System.nanoTime() - start) / 1e9;
      options.print("unpacked", directory.path(), result, seconds, memory, output);
    }
  }
}
