package io.github.wandacuda.cli;

import io.github.wandacuda.cli.option.ModelOption;
import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.cli.option.ThreadsOption;
import io.github.wandacuda.io.JsonText;
import io.github.wandacuda.job.convert.ConvertJob;
import io.github.wandacuda.model.ModelDirectory;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Writes a model directory as a file in GGUF. */
@Command(
    name = "convert",
    description =
        "Converts a model directory into a GGUF file, as llama.cpp's converter and quantizer do,"
            + " with its tokenizer. Zeros of a pruned model stay zeros.",
    footer = {
      "  wanda-cuda convert --model pruned --output pruned-Q8_0.gguf --type Q8_0",
    })
final class ConvertCommand extends Subcommand {
  @Mixin private ModelOption model;

  @Option(
      names = "--output",
      paramLabel = "FILE",
      required = true,
      description = "The GGUF file to write; it must not exist yet.")
  private Path file;

  @Option(
      names = "--type",
      paramLabel = "TYPE",
      required = true,
      description =
          "The type of the matrices: F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0 or Q5_1. Norms, biases"
              + " and routers stay F32; rows that aren't whole blocks of 32 become F16.")
  private String type;

  @Option(
      names = "--no-verify",
      description = "Leave out the comparison of the written output with the model.")
  private boolean skipVerification;

  @Mixin private ThreadsOption threads;

  @Override
  public void run() {
    int count = threads.count();
    try (MemoryWatch memory = new MemoryWatch();
        ModelDirectory model = this.model.open(output)) {
      ConvertJob.Result result =
          new ConvertJob(model, file, type, !skipVerification).run(count, output.progress());
      double seconds = totalSeconds();
      Map<String, Object> object = JsonText.map(result);
      output.written(
          written(file, object, seconds, memory), () -> text(model.path(), result, seconds));
    }
  }

  private Stream<String> text(Path model, ConvertJob.Result result, double seconds) {
    return OutputOptions.lines(
        """
        %s: %s converted in %.1f s
          tensors  %s
          bytes    %d, of %d before\
        """,
        file, model, seconds, result.types(), result.bytesAfter(), result.bytesBefore());
  }
}
