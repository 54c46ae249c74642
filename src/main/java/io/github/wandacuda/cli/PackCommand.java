package io.github.wandacuda.cli;

import io.github.wandacuda.job.PackingJob;
import picocli.CommandLine.Command;

/** Packs a model directory into another one. */
@Command(
    name = "pack",
    description =
        "Leaves the zeros out of a pruned model's linear modules: a smaller directory, which unpack"
            + " turns back into the same bytes. Modules with few zeros stay as they are.",
    footerHeading = "%n",
    footer = {"  wanda-cuda pack --model pruned --output packed"},
    mixinStandardHelpOptions = true)
final class PackCommand extends PackingCommand {
  @Override
  public void run() {
    run(PackingJob::pack, "packed");
  }
}
