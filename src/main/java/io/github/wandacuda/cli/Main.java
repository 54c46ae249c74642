package io.github.wandacuda.cli;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.system.RealCause;
import io.github.wandacuda.system.ThisRuntime;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The program behind {@code java -jar wanda-cuda.jar}. */
public final class Main {
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
    return ThisRuntime.threads().stream()
        .anyMatch(thread -> thread != Thread.currentThread() && !thread.isDaemon());
  }

  /**
   * Cancels the work when the process is asked to end (SIGINT, SIGTERM) and gives it time to say
   * how to resume and to free devices. An unfinished output can be resumed at every moment, so
   * nothing is lost if the time is too short.
   */
  private static final class Cancellation {
    /** Longer than a tile or a layer takes, shorter than a person's patience. */
    private static final long PATIENCE_SECONDS = 2;

    private final ErrorReporter errors;
    private final CountDownLatch done = new CountDownLatch(1);
    private boolean asked;

    private Cancellation(ErrorReporter errors) {
      this.errors = errors;
    }

    /**
     * Interrupts the current thread when the process ends before {@link #workIsDone}, or now if it
     * is ending already.
     *
     * @param errors reports the cancellation if the work itself doesn't
     */
    static Cancellation ofCurrentThread(ErrorReporter errors) {
      Cancellation cancellation = new Cancellation(errors);
      Thread worker = Thread.currentThread();
      try {
        Runtime.getRuntime()
            .addShutdownHook(new Thread(() -> cancellation.cancel(worker), "wanda-cuda-cancel"));
      } catch (IllegalStateException ending) {
        worker.interrupt();
      }
      return cancellation;
    }

    private void cancel(Thread worker) {
      synchronized (this) {
        if (done.getCount() == 0) {
          return;
        }
        asked = true;
      }
      worker.interrupt();
      try {
        if (!done.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
          errors.report(new CancelledException(), option -> true);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    /** Ends the shutdown hook's wait after the work, whose exit code holds unless a signal came. */
    void workIsDone(int exitCode) {
      synchronized (this) {
        // A signal may be ending the process though the hook hasn't begun.
        if ((asked || RealCause.isProcessEnding()) && exitCode == 0) {
          errors.report(
              new CancelledException("cancelled, but the work was done", null), option -> true);
        }
        done.countDown();
      }
    }
  }
}
