package io.github.wandacuda.cli;

import io.github.wandacuda.job.PackingJob;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import picocli.CommandLine.Option;

/** Options of the commands that pack and unpack, and what these print. */
final class PackingOptions {
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

  /** Returns the directory of the result. */
  public Path directory() {
    return directory;
  }

  public boolean resume() {
    return resume;
  }

  public boolean verify() {
    return !skipVerification;
  }

  /** Warns of options that have no effect beside the others. */
  public void warnOfIdle(OutputOptions output) {
    if (resume) {
      output.warnIfGiven("what is resumed is always compared", "--no-verify");
    }
  }

  /**
   * Prints a result.
   *
   * @param done what was done, such as {@code packed}
   * @param model what it was done to
   */
  public void print(
      String done,
      Path model,
      PackingJob.Result result,
      double seconds,
      MemoryWatch memory,
      OutputOptions output) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("output", directory.toString());
    object.put("modules", result.modules());
    object.put("bytes_before", result.bytesBefore());
    object.put("bytes_after", result.bytesAfter());
    object.put("ratio", result.ratio());
    object.put("seconds", Map.of("total", seconds));
    memory.addTo(object);
    output.written(object, () -> text(done, model, result, seconds));
  }

  private Stream<String> text(String done, Path model, PackingJob.Result result, double seconds) {
    return MultilineText.of(
        """
        %s: %s %s in %.1f s
          modules  %d packed
          bytes    %d of %d, a ratio of %.4f""",
        directory,
        model,
        done,
        seconds,
        result.modules(),
        result.bytesAfter(),
        result.bytesBefore(),
        result.ratio());
  }
}
