package io.github.wandacuda.cli;

import io.github.wandacuda.cli.option.ModelOption;
import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.cli.option.ThreadsOption;
import io.github.wandacuda.io.JsonText;
import io.github.wandacuda.job.pack.Packing;
import io.github.wandacuda.job.pack.PackingJob;
import io.github.wandacuda.model.ModelDirectory;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Leaves the zeros of a pruned model out of its files, or puts them back, to the byte. */
abstract class PackingCommand extends Subcommand {
  @Mixin private ModelOption model;

  @Option(
      names = "--output",
      paramLabel = "DIR",
      required = true,
      description = "The directory to write to; it must not exist yet, or be empty.")
  private Path directory;

  @Option(
      names = "--resume",
      description =
          "Resume an interrupted run and keep the files that it has finished. A finished output is"
              + " left unchanged.")
  private boolean resume;

  @Option(
      names = "--no-verify",
      description = "Leave out the comparison of the written output with the model.")
  private boolean skipVerification;

  @Mixin private ThreadsOption threads;

  final void run(Packing direction) {
    int count = threads.count();
    if (resume) {
      output.warnIfGiven("what is resumed is always compared", "--no-verify");
    }
    try (MemoryWatch memory = new MemoryWatch();
        ModelDirectory model = this.model.open(output)) {
      PackingJob.Result result =
          new PackingJob(direction, model, directory, resume, !skipVerification)
              .run(count, output.progress());
      double seconds = totalSeconds();
      Map<String, Object> object = JsonText.map(result);
      object.put("ratio", result.ratio());
      if (direction.packs()) {
        object.put("smaller", result.bytesAfter() < result.bytesBefore());
      }
      output.written(
          written(directory, object, seconds, memory),
          () -> text(direction, model.path(), result, seconds));
    }
  }

  private Stream<String> text(
      Packing direction, Path model, PackingJob.Result result, double seconds) {
    boolean larger = direction.packs() && result.bytesAfter() >= result.bytesBefore();
    Stream<String> warning =
        OutputOptions.lines(
            "%s: no smaller: %s has too few zeros that packing could leave out; keep that one, or"
                + " prune it first",
            directory, model);
    Stream<String> facts =
        OutputOptions.lines(
            """
            %s: %s %sed in %.1f s
              modules  %d %s
              bytes    %d, %.1f %% of the %d before\
            """,
            directory,
            model,
            direction.command(),
            seconds,
            result.modules(),
            direction.packs() ? "packed" : "unpacked",
            result.bytesAfter(),
            100 * result.ratio(),
            result.bytesBefore());
    return Stream.concat(warning.filter(line -> larger), facts);
  }

  @Command(
      name = "pack",
      description =
          "Leaves the zeros out of a pruned model's linear modules: a smaller directory, which"
              + " unpack turns back into the same bytes. Modules with few zeros stay as they are.",
      footer = {"  wanda-cuda pack --model pruned --output packed"})
  static final class Pack extends PackingCommand {
    @Override
    public void run() {
      run(Packing.PACK);
    }
  }

  @Command(
      name = "unpack",
      description = "Undoes pack: gives the directory that was packed, to the byte.",
      footer = {"  wanda-cuda unpack --model packed --output pruned"})
  static final class Unpack extends PackingCommand {
    @Override
    public void run() {
      run(Packing.UNPACK);
    }
  }
}
