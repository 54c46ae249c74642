package io.github.wandacuda.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.util.Arrays;
import java.util.Locale;

/** The program behind {@code java -jar wanda-cuda.jar}. */
public final class Main {
  /** Room for threads that begin while they are counted. */
  private static final int MORE = 16;

  private static final int FAILED = 1;

  private Main() {}

  /** Runs one command and ends the process with its exit code. */
  public static void main(String[] args) {
    if (!isWhole()) {
      System.err.println(
          "wanda-cuda: this jar is the library and lacks what the command line needs: take"
              + " wanda-cuda.jar, which the build puts beside it and Maven calls"
              + " io.github.wandacuda:wanda-cuda:jar:all");
      System.exit(FAILED);
    }
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
    // System.exit sets up a logger of its own, which takes a short command 12 ms.
    if (exitCode != 0 || othersKeepRunning()) {
      System.exit(exitCode);
    }
  }

  /** Returns whether the libraries of the program are there, and not its own classes alone. */
  private static boolean isWhole() {
    try {
      Class.forName("picocli.CommandLine", false, Main.class.getClassLoader());
      return true;
    } catch (ClassNotFoundException e) {
      return false;
    }
  }

  /** Returns whether Java would go on after this thread, for a thread of some library. */
  private static boolean othersKeepRunning() {
    ThreadGroup all = Thread.currentThread().getThreadGroup();
    while (all.getParent() != null) {
      all = all.getParent();
    }
    Thread[] threads = new Thread[all.activeCount() + MORE];
    int count = all.enumerate(threads);
    for (int index = 0; index < count; index++) {
      if (threads[index] != Thread.currentThread() && !threads[index].isDaemon()) {
        return true;
      }
    }
    return count == threads.length;
  }
}
