package io.github.wandacuda.cli;

import io.github.wandacuda.adapter.LoraAdapter;
import io.github.wandacuda.adapter.LoraModule;
import io.github.wandacuda.io.JsonText;
import io.github.wandacuda.job.MergeJob;
import io.github.wandacuda.model.ModelDirectory;
import java.nio.file.Path;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "merge-lora",
    description =
        "Merges a LoRA adapter of PEFT into a pruned model: W + scale * (B * A) where W isn't zero,"
            + " and zero where it is.",
    footer = {"  wanda-cuda merge-lora --model pruned --adapter adapter --output merged"})
final class MergeLoraCommand extends Subcommand {
  @Mixin private ModelOption model;

  @Option(
      names = "--adapter",
      paramLabel = "DIR",
      required = true,
      description = "The adapter: adapter_config.json and adapter_model.safetensors.")
  private Path folder;

  @Option(
      names = "--output",
      paramLabel = "DIR",
      required = true,
      description =
          "The directory to write the merged model to; it must not exist yet, or be empty.")
  private Path place;

  @Mixin private BackendOptions.ThreadsOption threads;

  @Override
  public void run() {
    int count = threads.count();
    try (MemoryWatch memory = new MemoryWatch();
        ModelDirectory directory = model.open(output)) {
      directory.requireUnpacked("a merge");
      try (LoraAdapter adapter = LoraAdapter.open(folder, directory)) {
        for (LoraModule pair : adapter.modules()) {
          output.detail("  %s  rank %d, scale %s", pair.module().name(), pair.rank(), pair.scale());
        }
        MergeJob.Result result =
            new MergeJob(directory, adapter, place).run(count, output.progress());
        double seconds = totalSeconds();
        output.written(
            written(place, JsonText.map(result), seconds, memory), () -> text(result, seconds));
      }
    }
  }

  private Stream<String> text(MergeJob.Result result, double seconds) {
    return OutputOptions.lines(
        """
        %s: %s merged in %.1f s into %d modules
          weights  %d, of which %d were zero and still are
          changed  %d, of which %d became zero\
        """,
        place,
        folder,
        seconds,
        result.modules(),
        result.weights(),
        result.zeros(),
        result.changed(),
        result.newZeros());
  }
}
