package io.github.wandacuda.system;

import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/**
 * Ends this process when its parent ends, whatever ended the parent. On Linux the kernel does it:
 * {@code prctl(PR_SET_PDEATHSIG, SIGKILL)}. On all systems a thread waits for the parent's end,
 * which it notices within seconds if the kernel doesn't act.
 *
 * <p>On Linux the death signal belongs to threads. It is sent when the parent's thread that forked
 * ends, so the parent must keep that thread; and it is lost when the thread that requested it ends,
 * so the waiting thread requests it.
 */
public final class ParentTie {
  private static final int PR_SET_PDEATHSIG = 1;
  private static final long SIGKILL = 9;

  /** The exit code that a shell shows for a process that SIGKILL ended. */
  private static final int KILLED = 128 + (int) SIGKILL;

  private ParentTie() {}

  /**
   * Ties this process to its parent, in the background. If the parent has already ended, this
   * process ends at once.
   *
   * @param parent the pid that the parent had when it started this process
   */
  public static void to(long parent) {
    Thread.ofPlatform().daemon().name("parent-tie").start(() -> hold(parent));
  }

  private static void hold(long parent) {
    boolean told = dieWithParent();
    // Checked after the call above: a parent that had ended before it causes no signal.
    Optional<ProcessHandle> alive =
        ProcessHandle.current().parent().filter(handle -> handle.pid() == parent);
    if (alive.isPresent()) {
      alive.get().onExit().join();
    } else if (told && hasParent(parent)) {
      // Without /proc Java finds no parent. This thread must live on to get the kernel's signal.
      while (true) {
        LockSupport.park();
      }
    }
    Runtime.getRuntime().halt(KILLED);
  }

  private static boolean hasParent(long parent) {
    try {
      MethodHandle getppid = Native.ints("getppid");
      return (int) getppid.invokeExact() == parent;
    } catch (Throwable e) {
      return false;
    }
  }

  private static boolean dieWithParent() {
    if (!System.getProperty("os.name").equals("Linux") || !ThisRuntime.hasNativeAccess()) {
      return false;
    }
    try {
      MethodHandle prctl = Native.variadic("prctl", 1, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG);
      return (int) prctl.invokeExact(PR_SET_PDEATHSIG, SIGKILL) == 0;
    } catch (Throwable e) {
      // Waiting for the parent's end does the same, a little later.
      return false;
    }
  }
}
