import OutputFSCommands

Program.main()
