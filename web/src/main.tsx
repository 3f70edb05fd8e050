import { keepShell } from './shell';
import { createApp } from './store/app';
import { start } from './ui/app';

start(createApp(), document.getElementById('shell')!);
keepShell();
