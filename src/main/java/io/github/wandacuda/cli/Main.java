package io.github.wandacuda.cli;

import io.github.wandacuda.cli.console.Cancellation;
import io.github.wandacuda.cli.console.ErrorReporter;
import io.github.wandacuda.cli.console.Stderr;
import io.github.wandacuda.system.ArchiveRequest;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.util.Arrays;
import java.util.Locale;

/** The program behind {@code java -jar wanda-cuda.jar}. */
public final class Main {
  private Main() {}

  /** Runs one command and ends the process with its exit code. */
  public static void main(String[] args) {
    // Scripts read the output, so numbers have the same format in every locale.
    Locale.setDefault(Locale.ROOT);
    Stderr err = new Stderr(System.err);
    // Logging, libraries and threads that fail also write to these streams.
    System.setErr(err.printer());
    System.setOut(err.printer());
    ErrorReporter errors = new ErrorReporter(System.err, Arrays.asList(args));
    Cancellation cancellation = Cancellation.ofCurrentThread(errors);
    int exitCode = new WandaCuda(new FileOutputStream(FileDescriptor.out), err).run(args);
    cancellation.workIsDone(exitCode);
    if (exitCode == 0) {
      ArchiveRequest.send();
    }
    System.exit(exitCode);
  }
}
