package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.cli.ResultTrials.Name;
import io.github.wandacuda.cli.ResultTrials.Trial;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.FaultCounts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every option that names a result file, tried against every file that the run reads. */
class ResultFaults {
  @TempDir Path written;
  @TempDir Path directory;

  private long refused;

  @Test
  void noResultReplacesWhatIsRead() throws IOException, InterruptedException {
    ResultTrials.write(written);
    ResultTrials trials = new ResultTrials(written, directory);
    for (Trial trial : Trial.values()) {
      for (Path input : trials.inputs(trial)) {
        for (Name name : Name.values()) {
          trials.refuse(trial, input, name);
          trials.refuse(trial, input, name, "--overwrite");
          refused += 2;
        }
      }
    }
    mounted(trials);
    FaultCounts.add(refused, "results refused that would replace an input");
    assertThat(refused).isPositive();
  }

  /** The same files by another mount, which no path and no link tells. */
  private void mounted(ResultTrials trials) throws IOException, InterruptedException {
    Path second = Files.createDirectory(directory.resolve("mounted"));
    if (!Command.of("mount", "--bind", trials.model(), second).succeeds()) {
      return; // Root's right.
    }
    try {
      for (Trial trial : Trial.values()) {
        for (Path input : trials.inputs(trial)) {
          if (input.startsWith(trials.model())) {
            Path name = second.resolve(trials.model().relativize(input).toString());
            trials.refuse(trial, input, name, "--overwrite");
            refused++;
          }
        }
      }
    } finally {
      Command.of("umount", second).run();
    }
  }
}
