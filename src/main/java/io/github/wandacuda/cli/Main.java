package io.github.wandacuda.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** The program behind {@code java -jar wanda-cuda.jar}. */
public final class Main {
  private Main() {}

  /** Runs one command and ends the process with its exit code. */
  public static void main(String[] args) {
    // What is printed is read by scripts too: the same digits everywhere.
    Locale.setDefault(Locale.ROOT);
    PrintStream out =
        new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
    Cancellation cancellation = Cancellation.ofCurrentThread();
    int exitCode = new WandaCuda(out, System.err).run(args);
    out.flush();
    cancellation.workIsDone();
    System.exit(exitCode);
  }
}
