package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class ProgressPrinterTest {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private int columns;
  private final Stderr err =
      new Stderr(new PrintStream(bytes, true, StandardCharsets.UTF_8), () -> columns);
  private long seconds;

  private ProgressPrinter printer(boolean terminal) {
    return new ProgressPrinter(err, terminal, () -> seconds * 1_000_000_000);
  }

  /** Returns one whose work is done to this share. */
  private ProgressPrinter begun(boolean terminal, double done) {
    ProgressPrinter printer = printer(terminal);
    printer.begin(done);
    return printer;
  }

  private String said() {
    return bytes.toString(StandardCharsets.UTF_8).replace(System.lineSeparator(), "\n");
  }

  private String lastLine() {
    return said().lines().reduce("", (before, line) -> line);
  }

  @Test
  void theTimeLeftIsThatOfThisRunsPace() {
    ProgressPrinter printer = printer(false);
    seconds = 30; // What comes before the first step is no part of the pace.
    printer.begin(0.8);
    for (int block = 81; block <= 84; block++) {
      seconds += 10;
      printer.step("block", block, 100);
    }
    assertThat(lastLine()).isEqualTo("block 84 of 100, 1 min 10 s, about 2 min 40 s left");
  }

  @Test
  void thereIsNoTimeLeftAsLongAsThereIsNoPace() {
    ProgressPrinter printer = begun(true, 0);
    seconds = 20;
    printer.step("block", 1, 100);
    assertThat(said()).isEqualTo("\r[                    ]   1 %  block 1 of 100, 20 s");
  }

  @Test
  void thereIsNoTimeLeftWhereNothingGoesOn() {
    ProgressPrinter printer = begun(false, 0);
    for (int second = 10; second <= 40; second += 10) {
      seconds = second;
      printer.within("block 1 of 2, step", second, 100, 0.25);
    }
    assertThat(lastLine()).isEqualTo("block 1 of 2, step 40 of 100, 40 s");
  }

  @Test
  void whereThePaceChangesTheTimeLeftIsARange() {
    ProgressPrinter printer = begun(false, 0);
    for (int block = 1; block <= 23; block++) {
      seconds += block <= 20 ? 4 : 10;
      printer.step("block", block, 100);
    }
    // The half from 56 s on says 7 min 42 s, the last quarter 12 min 50 s.
    assertThat(lastLine()).isEqualTo("block 23 of 100, 1 min 50 s, 7 min 42 s to 12 min 50 s left");
  }

  @Test
  void aSlowBeginningIsNoPace() {
    ProgressPrinter printer = begun(false, 0);
    seconds = 100;
    printer.step("sample", 1, 100);
    seconds = 110;
    printer.step("sample", 11, 100);
    assertThat(lastLine()).isEqualTo("sample 11 of 100, 1 min 50 s, about 1 min 29 s left");
  }

  @Test
  void codeThatIsNotCompiledYetIsNoPaceOfAResumedRun() {
    ProgressPrinter printer = printer(true);
    int[] steps = {18, 19, 20, 22, 23, 24};
    printer.begin(0.5);
    int done = 500;
    for (int second : steps) {
      seconds = second;
      printer.step("sample", ++done, 1000);
    }
    assertThat(said()).doesNotContain("left");
    while (!said().contains("left")) {
      seconds++;
      done += 4;
      printer.step("sample", done, 1000);
    }
    assertThat(said()).endsWith("sample 522 of 1000, 28 s, about 1 min 59 s left");
  }

  @Test
  void aStepIsTheLastIfAllWorkIsDone() {
    ProgressPrinter printer = begun(true, 0);
    printer.within("block 1 of 2, sample", 4, 4, 1);
    seconds = 1;
    printer.step("block 1 of 2, sample", 4, 4, 0.5);
    assertThat(said()).doesNotContain("\n");
    printer.step("block", 2, 2, 1);
    assertThat(said()).endsWith("block 2 of 2, 1 s" + " ".repeat(15) + "\n");
  }

  @Test
  void theBarHasTheRateOfAPassOfSamples() {
    ProgressPrinter printer = begun(true, 0);
    seconds = 3;
    printer.within("block 1 of 2, sample", 4, 128, 0.01);
    assertThat(said()).endsWith("block 1 of 2, sample 4 of 128, 3 s");
    seconds = 5;
    printer.within("block 1 of 2, sample", 9, 128, 0.02);
    assertThat(said()).contains("block 1 of 2, sample 9 of 128, 5 s, 2.5/s");
    seconds = 7;
    // Another pass has a pace of its own.
    printer.within("block 2 of 2, sample", 1, 128, 0.5);
    assertThat(said()).contains("block 2 of 2, sample 1 of 128, 7 s").doesNotContain("7 s, ");
    seconds = 8;
    printer.within("block 2 of 2, sample", 401, 512, 0.6);
    assertThat(said()).contains("sample 401 of 512, 8 s, 400/s");
  }

  @Test
  void theBarHasTheRateOfBytes() {
    ProgressPrinter printer = printer(true);
    seconds = 10;
    printer.begin(0.25);
    printer.bytes(8_000_000_000L);
    seconds = 12;
    printer.step("module", 1, 2, 0.5);
    assertThat(said()).endsWith("module 1 of 2, 12 s, 1.0 GB/s");
    printer.begin(0);
    printer.bytes(50_000_000);
    seconds = 14;
    printer.step("module", 1, 2, 0.5);
    assertThat(lastLine()).contains("module 1 of 2, 14 s, 12.5 MB/s");
    printer.begin(0);
    seconds = 16;
    printer.step("block", 1, 2, 0.5);
    assertThat(said()).contains("block 1 of 2, 16 s").doesNotContain("16 s, ");
  }

  @Test
  void plainLinesHaveNoRate() {
    ProgressPrinter printer = begun(false, 0);
    printer.bytes(1000);
    seconds = 20;
    printer.step("module", 1, 2, 0.5);
    assertThat(lastLine()).isEqualTo("module 1 of 2, 20 s");
  }

  @Test
  void unequalStepsCountAsMuchAsTheyAre() {
    ProgressPrinter printer = begun(false, 0);
    for (int module = 1; module <= 3; module++) {
      seconds += 10;
      printer.step("module", module, 30, module / 12.0);
    }
    assertThat(lastLine()).isEqualTo("module 3 of 30, 30 s, about 1 min 30 s left");
  }

  @Test
  void whatElseIsSaidBeginsBelowTheLineThatIsWrittenOver() {
    ProgressPrinter printer = begun(true, 0);
    seconds = 1;
    printer.step("block", 1, 3);
    err.printer().println("wanda-cuda: cancelled");
    seconds = 2;
    printer.step("block", 2, 3);
    seconds = 3;
    printer.step("block", 3, 3);
    err.printer().println("done");
    assertThat(said())
        .isEqualTo(
            "\r[=======             ]  33 %  block 1 of 3, 1 s\nwanda-cuda: cancelled\n"
                + "\r[=============       ]  66 %  block 2 of 3, 2 s"
                + "\r[====================] 100 %  block 3 of 3, 3 s\ndone\n");
  }

  @Test
  void aLineIsNoWiderThanTheTerminal() {
    ProgressPrinter printer = begun(true, 0);
    for (int width : new int[] {30, 200, 1, 12}) {
      columns = width;
      seconds++;
      printer.step("block", seconds, 10);
    }
    // Each one covers what is left of the one before.
    assertThat(said())
        .isEqualTo(
            "\r[==                  ]  10 % "
                + "\r[====                ]  20 %  block 2 of 10, 2 s"
                + "\r[======              ]  30 %  block 3 of 10, 3 s"
                + "\r[========  "
                + " ".repeat(37));
  }

  @Test
  void aResultTakesThePlaceOfTheLine() {
    ProgressPrinter printer = begun(true, 0);
    seconds = 1;
    printer.step("block", 1, 3);
    err.hide();
    err.hide();
    String line = "[=======             ]  33 %  block 1 of 3, 1 s";
    assertThat(said()).isEqualTo("\r" + line + "\r" + " ".repeat(line.length()) + "\r");
  }
}
