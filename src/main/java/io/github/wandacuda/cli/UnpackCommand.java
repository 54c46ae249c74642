package io.github.wandacuda.cli;

import io.github.wandacuda.job.PackingJob;
import picocli.CommandLine.Command;

/** Unpacks a model directory into another one. */
@Command(
    name = "unpack",
    description = "Undoes pack: gives the directory that was packed, to the byte.",
    footerHeading = "%n",
    footer = {"  wanda-cuda unpack --model packed --output pruned"},
    mixinStandardHelpOptions = true)
final class UnpackCommand extends PackingCommand {
  @Override
  public void run() {
    run(PackingJob::unpack, "unpacked");
  }
}
